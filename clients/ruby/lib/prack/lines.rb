# frozen_string_literal: true

require "logger"

module Prack
  # The log of prack-worker: time, level, sentence. What a gateway has said is shown, but not obeyed by a terminal.
  module Lines
    LEVELS = { "WARN" => "WARNING" }.freeze

    def self.to(device, level)
      Logger.new(device, level: level == "warning" ? "warn" : level, formatter: method(:line))
    end

    def self.line(level, time, _program, message)
      text = message.to_s.scrub { |bytes| bytes.dump[1..-2] }.gsub(/[^[:print:]\n\t]/) { |odd| odd.dump[1..-2] }
      "#{time.strftime("%H:%M:%S")} #{LEVELS.fetch(level, level)} #{text}\n"
    end
  end
end
