# frozen_string_literal: true

module Prack
  # All that this library raises. The message is for people, and says what to do.
  class Error < StandardError; end

  # Settings are wrong; a line for each mistake.
  class UsageError < Error; end

  # The gateway will never take this worker.
  class Refused < Error; end

  # A call had no answer, or not now.
  class Unreachable < Error
    # Seconds that the gateway asks to wait, 0 if it does not say.
    attr_reader :retry_after

    def initialize(message, retry_after = 0)
      super(message)
      @retry_after = retry_after
    end
  end

  # Nobody waits for this answer any more, or it was refused.
  class Ended < Error; end
end
