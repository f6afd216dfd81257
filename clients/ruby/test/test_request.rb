# frozen_string_literal: true

require "minitest/autorun"
require "prack"

class TestRequest < Minitest::Test
  FIELDS = { "prack-id" => "3f2c.1.9a41", "prack-attempt" => "2", "prack-deadline-ms" => "60000" }.freeze

  def environment(*lines)
    Prack::Request.new(FIELDS, [*lines, "", ""].join("\r\n")).environment(nil, nil)
  end

  def test_target_is_not_decoded
    env = environment("GET /a%20b//c?x=%zz HTTP/1.1", "host: shop.example.com:81")
    assert_equal ["/a%20b//c", "x=%zz", "/a%20b//c?x=%zz"], env.values_at("PATH_INFO", "QUERY_STRING", "REQUEST_URI")
    assert_equal %w[shop.example.com 81], env.values_at("SERVER_NAME", "SERVER_PORT")
    assert_equal ["3f2c", 2], env.values_at("prack.request_id", "prack.attempt")
  end

  def test_repeated_fields_are_joined
    env = environment("POST / HTTP/1.1", "host: [::1]", "cookie: a=1", "cookie: b=2", "x-n: 1", "x-n: 2",
                      "content-type: text/plain", "content-length: 3")
    assert_equal ["a=1; b=2", "1, 2"], env.values_at("HTTP_COOKIE", "HTTP_X_N")
    assert_equal ["text/plain", "3"], env.values_at("CONTENT_TYPE", "CONTENT_LENGTH")
    assert_equal %w[[::1] 80], env.values_at("SERVER_NAME", "SERVER_PORT")
  end

  def test_the_gateway_tells_scheme_and_client
    env = environment("GET / HTTP/1.1", "host: x", "x-forwarded-for: 192.0.2.7, 10.0.0.1", "x-forwarded-proto: https")
    assert_equal ["https", "10.0.0.1"], env.values_at("rack.url_scheme", "REMOTE_ADDR")
  end
end
