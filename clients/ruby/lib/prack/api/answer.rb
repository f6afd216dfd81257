# frozen_string_literal: true

require_relative "backoff"
require_relative "../errors"

module Prack
  module Api
    # The answer to one request: an upload of application/http, sent as it is made.
    #
    # While it is short it is kept, and sent again if its connection breaks: it counts once.
    class Answer
      KEPT = 64 * 1024
      FORGOTTEN = [404, 409, 410].freeze

      def initialize(connection, request, gateway)
        @connection = connection
        @request = request
        @gateway = gateway
        @kept = String.new
        @backoff = Backoff.new
        @begun = @done = false
      end

      # A piece. Raises Ended, Unreachable.
      def write(data)
        return if @done

        data = data.b
        keep(data)
        begin
          @begun ? @connection.write(data) : start(data)
          early
        rescue Unreachable => error
          again(error)
        end
      end

      # The end, once it has arrived. Raises Ended, Unreachable.
      def finish
        return if @done

        @connection.finish
        verdict
      rescue Unreachable => error
        again(error)
        retry
      end

      # Break it off, so that the client sees that it is not whole.
      def cut
        @connection.close
      end

      private

      def keep(data)
        @kept = nil if @kept && @kept.bytesize + data.bytesize > KEPT
        @kept << data if @kept
      end

      def start(data)
        @begun = true
        path = "/requests/#{@request.identifier}/response"
        @connection.request("POST", path, { "content-type" => "application/http" }, :chunked)
        @connection.write(data)
      end

      # What the gateway says before it has all of it.
      def early
        return unless @connection.readable?

        verdict
        @done = true
        @connection.close
      end

      # Return if the gateway has taken it. Raises Ended, and Unreachable for what may pass.
      def verdict
        reply = @connection.reply.whole
        return if reply.status == 200

        @connection.close
        raise Ended, "nobody waits for it any more" if FORGOTTEN.include?(reply.status)

        @gateway.check(reply)
        raise Ended, "the gateway refuses it: #{reply.detail}"
      end

      # Send again what was sent, until that works. Raises Ended, Unreachable.
      def again(error)
        error = reason(error)
        begin
          @connection.close # what comes next on it would be taken for more of this answer
          delay = [@backoff.next, error.retry_after].max
          raise error if @kept.nil? || delay > @request.left

          sleep(delay)
          start(@kept)
        rescue Unreachable => later
          raise if later.equal?(error)

          error = later
          retry
        end
      end

      # A connection may bring a reply before it breaks. Raises Ended.
      def reason(error)
        verdict if @connection.readable?
        error
      rescue Unreachable => said
        said
      end
    end
  end
end
