# frozen_string_literal: true

require_relative "connection"
require_relative "../errors"

module Prack
  module Api
    # The requests that are held. Each is extended when half of its time has passed, so that a worker that is lost
    # is noticed soon, and one that only takes long is not.
    class Leases
      AGAIN_SECONDS = 0.5

      def initialize(gateway)
        @gateway = gateway
        @connection = Connection.new(gateway.settings)
        @lock = Mutex.new
        @changed = ConditionVariable.new
        @due = {} # by request, on the monotonic clock
      end

      # Extend this request until the block is left.
      def hold(request)
        put(request, request.left / 2)
        yield
      ensure
        @lock.synchronize { @due.delete(request) }
      end

      # Those that are held now.
      def held = @lock.synchronize { @due.keys }

      # Never returns.
      def run
        loop { prolong(await) }
      end

      private

      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      def put(request, seconds)
        @lock.synchronize do
          @due[request] = now + seconds
          @changed.signal
        end
      end

      # The next request that is due.
      def await
        @lock.synchronize do
          loop do
            request, at = @due.min_by(&:last)
            return request if at && at <= now

            @changed.wait(@lock, at && at.finite? ? at - now : nil)
          end
        end
      end

      def prolong(request)
        seconds = @gateway.extend(@connection, request.identifier)
        request.extended(seconds) if seconds
        again(request, seconds ? seconds / 2 : Float::INFINITY)
      rescue Unreachable
        @connection.close
        again(request, AGAIN_SECONDS)
      end

      def again(request, seconds)
        @lock.synchronize { @due[request] = now + seconds if @due.key?(request) }
      end
    end
  end
end
