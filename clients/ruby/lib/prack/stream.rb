# frozen_string_literal: true

module Prack
  # What a streaming body of Rack 3 is called with: reads the request, writes the response.
  class Stream
    def initialize(input, answer)
      @input = input
      @answer = answer
      @closed = false
    end

    # As IO#read.
    def read(...) = @input.read(...)

    # Raises Prack::Ended when nobody waits any more.
    def write(data)
      raise IOError, "closed" if closed?

      @answer.write(data)
      data.bytesize
    end

    def <<(data)
      write(data)
      self
    end

    # What is written is sent at once.
    def flush = self

    def close_read = @input.close

    def close_write
      @closed = true
    end

    def close(_error = nil)
      close_read
      close_write
    end

    def closed? = @closed
  end
end
