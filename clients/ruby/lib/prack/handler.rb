# frozen_string_literal: true

require_relative "../prack"

module Prack
  # `rackup -s prack`. Options are those of Prack::Worker, as `-O threads=16`.
  module Handler
    OURS = Settings::OPTIONS.map(&:name)

    # Returns after a drain; ends the process with 1 if that cannot be.
    def self.run(app, **options)
      worker = Worker.new(app, **ours(options))
      yield worker if block_given?
      worker.run
    rescue UsageError, Refused => error
      error.message.each_line { |line| warn("prack: #{line.chomp}") }
      exit(1)
    end

    def self.valid_options
      Settings::OPTIONS.to_h { |option| ["#{option.name}=VALUE", "#{option.expected} (#{option.variable})"] }
    end

    # rackup has options of its own, and gives ours as they were typed.
    def self.ours(options)
      options.transform_keys(&:to_sym).slice(*OURS)
    end
  end
end
