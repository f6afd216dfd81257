# frozen_string_literal: true

require "json"
require_relative "../errors"

module Prack
  module Api
    # A reply of the worker API, whose body is read from its connection by pieces.
    class Reply
      attr_reader :status, :fields

      def initialize(status, fields, connection)
        @status = status
        @fields = fields
        @connection = connection
        @chunked = fields["transfer-encoding"].to_s.downcase == "chunked"
        @left = @chunked ? 0 : fields["content-length"].to_i
        @ended = !@chunked && @left.zero?
        @text = nil
      end

      # The next piece of the body, nil at its end. Raises Unreachable if it breaks off.
      def piece(most = Connection::READ)
        next_chunk if @chunked && @left.zero? && !@ended
        return if @ended

        data = @connection.bytes([most, @left].min)
        @left -= data.bytesize
        @connection.line if @chunked && @left.zero?
        @ended = !@chunked && @left.zero?
        settle if @ended
        data
      end

      # The same reply once its body was read. Raises Unreachable.
      def whole
        @text = String.new
        while (data = piece)
          @text << data
        end
        settle
        self
      end

      def text = @text || whole.text

      # Why a call was refused, as one line.
      def detail
        "#{status}: #{JSON.parse(text)["detail"]}"
      rescue JSON::ParserError, TypeError
        status.to_s
      end

      # Seconds that the gateway asks to wait; none asks for more than a minute.
      def retry_after
        [fields["retry-after"].to_i, 60].min
      end

      private

      def next_chunk
        @left = @connection.line.to_i(16)
        return unless @left.zero?

        nil until @connection.line.empty?
        @ended = true
        settle
      end

      def settle
        @connection.close if fields["connection"].to_s.downcase == "close"
      end
    end
  end
end
