# frozen_string_literal: true

require "tempfile"
require_relative "connection"
require_relative "../errors"

module Prack
  module Api
    # The body of a request as the client sends it, from GET /requests/{identifier}/body.
    class Upload
      def initialize(request, settings)
        @path = "/requests/#{request.identifier}/body"
        @settings = settings
        @ended = request.empty?
        @reply = nil
      end

      # The next piece, nil at the end. Raises Unreachable if the client breaks off.
      def piece
        return if @ended

        @reply ||= fetch
        data = @reply.piece
        @ended = data.nil?
        data
      end

      def close
        @connection&.close
      end

      private

      def fetch
        @connection = Connection.new(@settings)
        @connection.request("GET", @path)
        reply = @connection.reply
        raise Unreachable, "the body of the request cannot be read: #{reply.detail}" unless reply.status == 200

        reply
      end
    end

    # The same, kept in a file: Rack 2 lets an application read its input again.
    class KeptUpload < Upload
      def piece
        again = @kept&.read(Connection::READ)
        return again if again

        data = super
        (@kept ||= Tempfile.create("prack", binmode: true).tap { |file| File.unlink(file.path) }).write(data) if data
        data
      end

      def rewind
        @kept&.rewind
      end

      def close
        super
        @kept&.close
      end
    end
  end
end
