# frozen_string_literal: true

require "rack"
require_relative "api/answer"
require_relative "errors"
require_relative "input"
require_relative "stream"
require_relative "api/upload"

module Prack
  # One request and its response: calls the application, and sends what it says.
  class Exchange
    REWINDABLE = Rack.release < "3"
    BODILESS = [204, 205, 304].freeze
    FAILED = [500, { "content-type" => "text/plain" }, ["Internal Server Error\n"]].freeze

    def initialize(request, answer, settings, log)
      @request = request
      @answer = answer
      @upload = (REWINDABLE ? Api::KeptUpload : Api::Upload).new(request, settings)
      @log = log
      @begun = false
    end

    # Returns when the answer has arrived, or nobody waits for it.
    def serve(app)
      env = @request.environment(Input.new(@upload), method(:hint))
      attempt(env) { respond(*app.call(env)) }
    rescue Ended, Unreachable => error
      @log.public_send(error.is_a?(Ended) ? :debug : :warn, "The answer to #{@request} is lost: #{error.message}")
    ensure
      @upload.close
    end

    private

    # An application may raise anything, also what ends a program; that is the end of this response only.
    def attempt(env)
      yield
      finished(env)
    rescue Ended, Unreachable => error
      finished(env, error)
      raise
    rescue Exception => error # rubocop:disable Lint/RescueException
      @log.error("#{@request} failed: #{error.full_message(highlight: false)}")
      @begun ? @answer.cut : respond(*FAILED)
      finished(env, error)
    end

    def finished(env, error = nil)
      env["rack.response_finished"].reverse_each { |call| call.call(env, @status, @headers, error) }
    end

    def hint(fields)
      @answer.write("HTTP/1.1 103 Early Hints\r\n#{lines(fields)}\r\n")
    end

    def respond(status, headers, body)
      @status, @headers = status, headers
      head = "HTTP/1.1 #{Integer(status)} \r\n#{lines(headers)}\r\n"
      @begun = true
      @answer.write(head)
      send_body(body) unless @request.method == "HEAD" || BODILESS.include?(status)
      @answer.finish
    ensure
      body.close if body.respond_to?(:close)
    end

    def send_body(body)
      if body.respond_to?(:each)
        body.each { |piece| @answer.write(piece) unless piece.empty? }
      else
        body.call(Stream.new(Input.new(@upload), @answer))
      end
    end

    # Rack 2 has repeated fields as lines of one string, Rack 3 as an array.
    def lines(headers)
      pairs = headers.reject { |name, _| name.start_with?("rack.") }.flat_map do |name, values|
        values = values.to_s.split("\n", -1) unless values.is_a?(Array)
        (values.empty? ? [""] : values).map { |value| [name, value.to_s] }
      end
      pairs.map { |name, value| field(name, value) }.join
    end

    def field(name, value)
      raise ArgumentError, "the field #{name.dump} has a line break" if "#{name}#{value}".b.match?(/[\r\n\0]/n)

      "#{name}: #{value}\r\n".b
    end
  end
end
