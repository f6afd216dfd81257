# frozen_string_literal: true

module Prack
  # One request that a poll brought, and its environment for Rack.
  class Request
    # Rack 2 wants these; Rack 3 does not mind.
    FIXED = {
      "SCRIPT_NAME" => "", "rack.version" => [1, 6], "rack.multithread" => true, "rack.multiprocess" => true,
      "rack.run_once" => false, "rack.hijack?" => false, "SERVER_PROTOCOL" => "HTTP/1.1", "SERVER_SOFTWARE" => "prack",
    }.freeze
    BARE = %w[CONTENT_TYPE CONTENT_LENGTH].freeze

    attr_reader :identifier, :method, :target

    # `fields` are those of the reply to the poll, `head` is its body: the head of the request.
    def initialize(fields, head)
      @identifier = fields.fetch("prack-id")
      @attempt = fields["prack-attempt"].to_i
      @empty = fields["prack-body-length"] == "0"
      extended(fields["prack-deadline-ms"].to_i / 1000.0)
      line, *@lines = head.split("\r\n")
      @method, @target = line.split(" ")
    end

    # The client has sent a length, and it is 0.
    def empty? = @empty

    # The answer may begin within so many seconds.
    def extended(seconds)
      @deadline = now + seconds
    end

    # Seconds that are left for the answer to begin.
    def left = @deadline - now

    def to_s = "#{method} #{target[/\A[^?]*/]} (#{identifier[/\A[^.]*/]})"

    # The Rack environment. `input` is rack.input, `hints` takes the fields of a 103.
    def environment(input, hints)
      path, query = target.split("?", 2)
      env = FIXED.merge(
        "REQUEST_METHOD" => method, "REQUEST_URI" => target, "PATH_INFO" => path, "QUERY_STRING" => query.to_s,
        "rack.input" => input, "rack.errors" => $stderr, "rack.early_hints" => hints, "rack.response_finished" => [],
        "prack.request_id" => identifier[/\A[^.]*/], "prack.attempt" => @attempt
      )
      add_fields(env)
      env.merge!(authority(env["HTTP_HOST"].to_s))
      env["rack.url_scheme"] = env["HTTP_X_FORWARDED_PROTO"] == "https" ? "https" : "http"
      env["REMOTE_ADDR"] = env["HTTP_X_FORWARDED_FOR"].to_s[/[^, ]*\z/] # the one that spoke to the gateway
      env
    end

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def add_fields(env)
      @lines.each do |line|
        name, value = line.split(":", 2)
        next if name.casecmp?("proxy") || name.include?("_") # they would be taken for something else

        key = name.upcase.tr("-", "_")
        key = "HTTP_#{key}" unless BARE.include?(key)
        value = value.strip
        env[key] = env.key?(key) ? "#{env[key]}#{key == "HTTP_COOKIE" ? "; " : ", "}#{value}" : value
      end
    end

    def authority(host)
      name, port = host.match(/\A(.*?)(?::(\d+))?\z/).captures
      { "SERVER_NAME" => name.empty? ? "localhost" : name, "SERVER_PORT" => port || "80" }
    end
  end
end
