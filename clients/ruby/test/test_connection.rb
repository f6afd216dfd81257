# frozen_string_literal: true

require "minitest/autorun"
require "prack"

class TestConnection < Minitest::Test
  # The replies of a server, one to each request, with a connection for each list.
  def served(*connections)
    server = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      connections.each do |replies|
        client = server.accept
        replies.each do |reply|
          nil until client.gets == "\r\n"
          client.write(reply)
        end
        client.close
      end
    end
    yield Prack::Api::Connection.new(Prack::Settings.new({ gateway: "http://127.0.0.1:#{server.addr[1]}" }, {}))
    thread.join
  ensure
    server.close
  end

  CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
  SIZED = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

  def test_bodies_with_and_without_a_length
    served([CHUNKED, SIZED, SIZED]) do |connection|
      assert_equal(%w[abcde ok ok], Array.new(3) { connection.call("GET", "/x").text })
    end
  end

  def test_dials_again_after_the_server_has_closed
    served([SIZED], [SIZED]) do |connection|
      connection.call("GET", "/x")
      Thread.pass until connection.readable?
      assert_equal 200, connection.call("GET", "/x").status
    end
  end

  def test_a_body_that_breaks_off_is_no_end
    served([CHUNKED[0...-7]]) do |connection|
      assert_raises(Prack::Unreachable) { connection.call("GET", "/x") }
    end
  end

  def test_nobody_listens
    served { |connection| @none = connection }
    error = assert_raises(Prack::Unreachable) { @none.call("GET", "/x") }
    assert_match(/is `prack serve` running there\?/, error.message)
  end
end
