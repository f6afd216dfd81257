# frozen_string_literal: true

require_relative "api/answer"
require_relative "api/backoff"
require_relative "api/connection"
require_relative "exchange"

module Prack
  # One loop: polls, answers, and polls again, over one connection.
  class Slot
    def initialize(worker, gateway, leases, log)
      @worker = worker
      @gateway = gateway
      @leases = leases
      @log = log
      @connection = Api::Connection.new(gateway.settings)
      @backoff = Api::Backoff.new
      @polling = false
    end

    # It may get a request at any time.
    def polling? = @polling

    # Returns when the worker stops. Raises Refused.
    def run(app)
      until @worker.stopping?
        request = poll
        @leases.hold(request) { serve(app, request) } if request
      end
    ensure
      @connection.close
    end

    private

    def poll
      @polling = true
      request = @gateway.poll(@connection)
      @backoff.reset
      request
    rescue Unreachable => error
      @connection.close
      @gateway.lost(error) unless @worker.stopping?
      @worker.pause([@backoff.next, error.retry_after].max)
      nil
    ensure
      @polling = false
    end

    def serve(app, request)
      answer = Api::Answer.new(@connection, request, @gateway)
      Exchange.new(request, answer, @gateway.settings, @log).serve(app)
    end
  end
end
