# frozen_string_literal: true

require_relative "api/connection"
require_relative "api/gateway"
require_relative "api/leases"
require_relative "lines"
require_relative "settings"
require_relative "slot"

module Prack
  # Runs a Rack application behind one gateway: a thread for each request that it may hold.
  #
  #   Prack::Worker.new(app, threads: 8).run
  class Worker
    LEAVE_SECONDS = 1 # a poll that began just before the stop is ended by the next call
    SIGNALS = { "TERM" => 143, "INT" => 130 }.freeze

    # `options` are those of README.md; what is not given is read from the environment. Raises UsageError.
    def initialize(app, log: nil, **options)
      @app = app
      @settings = Settings.new(options)
      @log = log || Lines.to($stderr, @settings.log_level)
      @lock = Mutex.new
      @stopped = ConditionVariable.new
      @stopping = false
      @events = Queue.new
    end

    # Serve until SIGTERM, Ctrl-C or `drain`; then finish what is held. Raises Refused.
    def run
      @log.info("Running a Rack application (Rack #{Rack.release}) with #{@settings.threads} slots")
      previous = SIGNALS.to_h { |name, code| [name, Signal.trap(name) { @stopping ? exit!(code) : drain }] }
      serve
      @log.info("Stopped")
    ensure
      previous&.each { |name, handler| Signal.trap(name, handler || "DEFAULT") }
    end

    # Take no more requests, finish those that are held, then let `run` return. Callable from signal handlers.
    def drain
      @events << nil
    end

    def stopping? = @stopping

    # Wait so many seconds, or until the worker stops.
    def pause(seconds)
      @lock.synchronize { @stopped.wait(@lock, seconds) unless @stopping }
    end

    private

    def serve
      gateway = Api::Gateway.new(@settings, @log)
      @leases = Api::Leases.new(gateway)
      @slots = Array.new(@settings.threads) { Slot.new(self, gateway, @leases, @log) }
      threads = @slots.map { |slot| thread { slot.run(@app) } }
      keeper = thread { @leases.run }
      failure = @events.pop
      stop
      raise failure if failure

      finish(gateway, threads)
    ensure
      [*threads, keeper].compact.each(&:kill)
    end

    def thread
      Thread.new do
        Thread.current.report_on_exception = false
        yield
      rescue StandardError => error
        @events << error
      end
    end

    def stop
      @lock.synchronize do
        @stopping = true
        @stopped.broadcast
      end
    end

    def finish(gateway, threads)
      grace = @settings.grace
      @log.info(format("Stopping: %d requests in progress, waiting up to %g s (PRACK_GRACE)", @leases.held.size, grace))
      until_then = now + grace
      while (left = until_then - now).positive? && (busy = threads.find(&:alive?))
        leave(gateway) if @slots.any?(&:polling?)
        busy.join([LEAVE_SECONDS, left].min)
      end
      held = @leases.held
      @log.warn("Unfinished at the end of PRACK_GRACE: #{held.size} requests: #{held.join("; ")}") unless held.empty?
    end

    def leave(gateway)
      gateway.leave(connection = Api::Connection.new(@settings))
    rescue Unreachable
      nil # then the polls end when their time is over
    ensure
      connection&.close
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
