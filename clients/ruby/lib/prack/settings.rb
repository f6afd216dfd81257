# frozen_string_literal: true

require "uri"
require_relative "errors"

module Prack
  # What a worker was told: by arguments, or by the variables of prack-worker.
  class Settings
    Option = Struct.new(:name, :variable, :default, :expected, :pattern, :convert)

    # A name travels in a query, and is shown in the gateway's tables.
    NAME = /\A[!-~]{0,128}\z/
    NUMBER = /\A\d+(\.\d+)?\z/
    ANY = //

    OPTIONS = [
      Option.new(:gateway, "PRACK_GATEWAY", "http://127.0.0.1:4242",
                 "http:// or https://, then host and port", %r{\Ahttps?://[^/?#@]+\z}, ->(text) { URI(text) }),
      Option.new(:threads, "PRACK_SLOTS", "8", "1 to 1000", /\A([1-9]\d{0,2}|1000)\z/, :Integer),
      Option.new(:routes, "PRACK_ROUTES", "", "routes, separated by commas", ANY, ->(text) { split_routes(text) }),
      Option.new(:service, "PRACK_SERVICE", "", "at most 128 visible ASCII characters", NAME, :String),
      Option.new(:version, "PRACK_APP_VERSION", "", "at most 128 visible ASCII characters", NAME, :String),
      Option.new(:tier, "PRACK_TIER", "0", "0 to 9", /\A\d\z/, :Integer),
      Option.new(:grace, "PRACK_GRACE", "30", "seconds", NUMBER, :Float),
      Option.new(:max_silence, "PRACK_MAX_SILENCE", "20", "seconds, 1 to 3600",
                 /\A([1-9]\d{0,2}|[12]\d{3}|3[0-5]\d\d|3600)\z/, :Integer),
      Option.new(:token, "PRACK_TOKEN", "", "visible ASCII characters", /\A[!-~]*\z/, :String),
      Option.new(:token_file, "PRACK_TOKEN_FILE", "", "a file", ANY, :String),
      Option.new(:tls_ca, "PRACK_TLS_CA", "", "a file", ANY, :String),
      Option.new(:tls_cert, "PRACK_CLIENT_CERT", "", "a file", ANY, :String),
      Option.new(:tls_key, "PRACK_CLIENT_KEY", "", "a file", ANY, :String),
      Option.new(:tls_server_name, "PRACK_TLS_SERVER_NAME", "", "a name such as gateway.example.com",
                 /\A[\w.-]*\z/, :String),
      Option.new(:log_level, "PRACK_LOG_LEVEL", "info", "debug, info, warning or error",
                 /\A(debug|info|warning|error)\z/, :String),
    ].freeze
    FILES = %i[token_file tls_ca tls_cert tls_key].freeze

    # A comma within a list of methods ("GET,HEAD /") does not end a route.
    def self.split_routes(text)
      text.split(/,(?![A-Z]+[ ,])/).map(&:strip).reject(&:empty?)
    end

    attr_reader(*OPTIONS.map(&:name))

    # Raises UsageError. Options that are nil are read from `environment`.
    def initialize(options = {}, environment = ENV)
      unknown = options.keys - OPTIONS.map(&:name)
      mistakes = unknown.map { |name| "#{name}: unknown; expected one of #{OPTIONS.map(&:name).join(", ")}" }
      OPTIONS.each do |option|
        text = text_of(option, options[option.name], environment)
        if option.pattern.match?(text)
          instance_variable_set("@#{option.name}", converted(option, text))
        else
          mistakes << mistake(option, options, text)
        end
      end
      mistakes.concat(unreadable)
      raise UsageError, mistakes.join("\n") unless mistakes.empty?
    end

    # The token of now: its file may be replaced while the worker runs. Raises Unreachable.
    def current_token
      token_file.empty? ? token : File.read(token_file).strip
    rescue SystemCallError => error
      raise Unreachable, "PRACK_TOKEN_FILE cannot be read: #{error.message}"
    end

    private

    def text_of(option, given, environment)
      given = given.join(",") if given.is_a?(Array)
      given = environment[option.variable] if given.nil?
      given.to_s.empty? ? option.default : given.to_s
    end

    def converted(option, text)
      convert = option.convert
      convert.is_a?(Symbol) ? Kernel.public_send(convert, text) : Settings.instance_exec(text, &convert)
    end

    def mistake(option, options, text)
      source = options[option.name].nil? ? option.variable : option.name
      shown = option.name == :token ? "" : " #{text.dump}"
      "#{source}#{shown}: expected #{option.expected}"
    end

    def unreadable
      FILES.filter_map do |name|
        path = instance_variable_get("@#{name}")
        "#{name} #{path.dump}: cannot be read" unless path.empty? || File.readable?(path)
      end
    end
  end
end
