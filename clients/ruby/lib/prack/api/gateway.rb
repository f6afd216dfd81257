# frozen_string_literal: true

require "json"
require "securerandom"
require "socket"
require "uri"
require_relative "connection"
require_relative "../errors"
require_relative "../request"

module Prack
  module Api
    # The worker API of one gateway, as the worker calls it (docs/rest.md). For any thread.
    class Gateway
      POLL_SECONDS = 20
      SLACK_SECONDS = 5
      BUSY = [401, 403, 408, 429].freeze

      attr_reader :settings

      def initialize(settings, log)
        @settings = settings
        @log = log
        @worker = "#{Socket.gethostname.gsub(/[^!-~]/, "-")[0, 64]}-#{Process.pid}-#{SecureRandom.hex(4)}"
        @lock = Mutex.new
        @connected = false
        @trouble = nil
      end

      # One request, nil when none came. Raises Unreachable, Refused.
      def poll(connection)
        wait = @connected ? POLL_SECONDS : 0 # the first one shows whether the gateway is there
        reply = connection.call("GET", "/requests/next?#{query(wait)}", {}, nil, wait + SLACK_SECONDS)
        raise Refused, "the gateway refuses this worker: #{reply.detail}" if reply.status == 400

        check(reply)
        ours = [200, 204].include?(reply.status)
        raise Unreachable, "#{reply.status}: the server there is not a Prack gateway" unless ours

        found
        Request.new(reply.fields, reply.text) if reply.status == 200
      end

      # Have the parked polls return at once. Raises Unreachable.
      def leave(connection)
        post(connection, "/drain", worker: @worker, leaving: true)
      end

      # Seconds until the deadline, nil if nobody waits any more. Raises Unreachable.
      def extend(connection, identifier)
        reply = post(connection, "/requests/#{identifier}/extend", ms: settings.max_silence * 1000)
        JSON.parse(reply.text)["deadline_ms"] / 1000.0 if reply.status == 200
      end

      # Raises Unreachable for a refusal that may pass.
      def check(reply)
        return unless BUSY.include?(reply.status) || reply.status >= 500
        if reply.status == 401
          raise Unreachable, "the gateway rejects this token: check PRACK_TOKEN or PRACK_TOKEN_FILE"
        end

        raise Unreachable.new(reply.detail, reply.retry_after)
      end

      # Log a line when the reason changes, not for each attempt.
      def lost(error)
        @lock.synchronize do
          if @connected
            @log.warn("Lost the gateway: #{error.message}; reconnecting")
          elsif error.message != @trouble
            @log.warn("No gateway at #{settings.gateway}: #{error.message}; retrying until it answers")
          end
          @connected = false
          @trouble = error.message
        end
      end

      private

      def found
        @lock.synchronize do
          @log.info("Connected to #{settings.gateway}") unless @connected
          @connected = true
          @trouble = nil
        end
      end

      def post(connection, path, message)
        reply = connection.call("POST", path, { "content-type" => "application/json" }, JSON.generate(message))
        check(reply)
        reply
      end

      def query(wait)
        about = [["wait", wait], ["worker", @worker], ["lease", settings.max_silence], ["body", "separate"]]
        about << ["service", settings.service] << ["version", settings.version] << ["tier", settings.tier]
        URI.encode_www_form(about + settings.routes.map { |route| ["route", route] })
      end
    end
  end
end
