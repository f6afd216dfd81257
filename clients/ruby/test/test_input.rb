# frozen_string_literal: true

require "minitest/autorun"
require "prack"

class TestInput < Minitest::Test
  # Pieces, as an upload has them.
  class Pieces
    def initialize(*pieces)
      @all = pieces
      rewind
    end

    def piece = @left.shift

    def rewind
      @left = @all.dup
    end
  end

  def input(*pieces) = Prack::Input.new(Pieces.new(*pieces))

  def test_reads_as_io_does
    one = input("abc", "def")
    assert_equal ["ab", "cde", "f", nil, ""], [one.read(2), one.read(3), one.read(3), one.read(3), one.read]
  end

  def test_reads_into_a_buffer
    buffer = +"old"
    one = input("abc")
    assert_same buffer, one.read(2, buffer)
    assert_equal "ab", buffer
    one.read
    assert_nil one.read(1, buffer)
    assert_empty buffer
  end

  def test_lines_and_pieces
    one = input("a\nb", "c\n", "d")
    assert_equal ["a\n", "bc\n", "d", nil], Array.new(4) { one.gets }
    assert_equal %w[ab c], input("ab", "c").to_enum(:each).to_a
  end

  def test_rewinds
    one = input("abc", "def")
    one.read(4)
    one.rewind
    assert_equal "abcdef", one.read
  end
end
