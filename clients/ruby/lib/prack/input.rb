# frozen_string_literal: true

module Prack
  # rack.input: a body that is fetched when the application first reads it, and read as it comes.
  #
  # `source` gives pieces (`piece`), and begins again (`rewind`) where it can.
  class Input
    def initialize(source)
      @source = source
      @ahead = String.new
    end

    # As IO#read.
    def read(length = nil, buffer = nil)
      nil while (length.nil? || @ahead.bytesize < length) && more?
      data = @ahead.slice!(0, length || @ahead.bytesize)
      data = nil if data.empty? && length.to_i.positive?
      buffer ? buffer.replace(data.to_s) && data && buffer : data
    end

    # As IO#gets.
    def gets
      nil until (at = @ahead.index("\n")) || !more?
      line = @ahead.slice!(0, at ? at + 1 : @ahead.bytesize)
      line unless line.empty?
    end

    # The pieces as they come.
    def each
      until @ahead.empty? && !more?
        yield @ahead.slice!(0, @ahead.bytesize)
      end
    end

    def rewind
      @ahead.clear
      @source.rewind
      0
    end

    def close
      @ahead.clear
    end

    private

    def more?
      data = @source.piece or return false
      @ahead << data
      true
    end
  end
end
