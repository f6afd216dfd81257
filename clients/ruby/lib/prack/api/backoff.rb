# frozen_string_literal: true

module Prack
  module Api
    # How long to wait before another attempt: below a bound that doubles from 0.1 s to 10 s.
    class Backoff
      def initialize
        reset
      end

      # Seconds.
      def next
        bound = @bound
        @bound = [bound * 2, 10.0].min
        rand * bound
      end

      def reset
        @bound = 0.1
      end
    end
  end
end
