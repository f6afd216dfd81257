# frozen_string_literal: true

require "minitest/autorun"
require "prack"

class TestSettings < Minitest::Test
  def settings(environment = {}, **options) = Prack::Settings.new(options, environment)

  def test_defaults
    told = settings
    assert_equal ["http://127.0.0.1:4242", 8, 30.0, []], [told.gateway.to_s, told.threads, told.grace, told.routes]
  end

  def test_an_argument_counts_more_than_a_variable
    assert_equal 3, settings({ "PRACK_SLOTS" => "5" }, threads: 3).threads
    assert_equal 5, settings({ "PRACK_SLOTS" => "5" }).threads
  end

  def test_methods_of_a_route_keep_their_comma
    routes = settings({ "PRACK_ROUTES" => "GET,HEAD shop.example.com/cart, /api" }).routes
    assert_equal ["GET,HEAD shop.example.com/cart", "/api"], routes
  end

  def test_all_mistakes_are_told_together
    wrong = { "PRACK_GATEWAY" => "gateway:4242", "PRACK_SLOTS" => "0", "PRACK_TOKEN" => "two words" }
    error = assert_raises(Prack::UsageError) { settings(wrong, tier: 10, slots: 3) }
    assert_match(/PRACK_GATEWAY "gateway:4242": expected http/, error.message)
    assert_match(/PRACK_SLOTS "0": expected 1 to 1000/, error.message)
    assert_match(/tier "10": expected 0 to 9/, error.message)
    assert_match(/slots: unknown; expected one of gateway, threads/, error.message)
    refute_match(/two words/, error.message)
  end

  def test_a_file_that_is_missing_is_named
    error = assert_raises(Prack::UsageError) { settings({ "PRACK_TLS_CA" => "/no/such.pem" }) }
    assert_match(%r{tls_ca "/no/such.pem": cannot be read}, error.message)
  end
end
