# frozen_string_literal: true

require "minitest/autorun"
require "prack"

class TestAnswer < Minitest::Test
  FIELDS = { "prack-id" => "3f2c.1.9a41", "prack-deadline-ms" => "60000" }.freeze
  THANKS = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

  # What a gateway gets that breaks off the first upload after so many bytes, and takes the next.
  def uploads(breaks_after)
    server = TCPServer.new("127.0.0.1", 0)
    settings = Prack::Settings.new({ gateway: "http://127.0.0.1:#{server.addr[1]}" }, {})
    thread = Thread.new do
      first = server.accept
      first.readpartial(breaks_after)
      first.close
      second = server.accept
      text = second.gets("0\r\n\r\n")
      second.write(THANKS)
      text
    end
    connection = Prack::Api::Connection.new(settings)
    request = Prack::Request.new(FIELDS, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    gateway = Prack::Api::Gateway.new(settings, Prack::Lines.to(File::NULL, "error"))
    yield Prack::Api::Answer.new(connection, request, gateway), connection
    thread.value
  ensure
    server.close
  end

  def test_a_short_answer_is_sent_again_as_a_whole
    text = uploads(100) do |answer|
      answer.write("one")
      answer.write("two")
      answer.finish
    end
    body = text.scan(/^\h+\r\n(.*?)\r\n/m).join
    assert_equal "onetwo", body
  end

  def test_a_long_one_is_lost_and_its_connection_closed
    text = uploads(100) do |answer, connection|
      assert_raises(Prack::Unreachable) { loop { answer.write("x" * 70_000) } }
      connection.request("GET", "/next", {}, :chunked)
      connection.finish
      connection.reply
    end
    assert_match(%r{\AGET /api/v1/next }, text)
  end
end
