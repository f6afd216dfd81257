# frozen_string_literal: true

require "minitest/autorun"
require "stringio"
require "prack"

class TestExchange < Minitest::Test
  # What was answered.
  class Told
    attr_reader :pieces, :outcome

    def initialize
      @pieces = []
    end

    def write(data) = @pieces << data

    def finish = @outcome = :whole

    def cut = @outcome = :cut
  end

  def told(method = "GET", &app)
    fields = { "prack-id" => "3f2c.1.9a41", "prack-deadline-ms" => "60000", "prack-body-length" => "0" }
    request = Prack::Request.new(fields, "#{method} / HTTP/1.1\r\nhost: x\r\n\r\n")
    @log = StringIO.new
    answer = Told.new
    Prack::Exchange.new(request, answer, Prack::Settings.new({}, {}), Prack::Lines.to(@log, "info")).serve(app)
    answer
  end

  def test_repeats_as_rack_2_and_3_have_them
    two = told { [200, { "set-cookie" => "a=1\nb=2", "rack.internal" => 1 }, []] }
    three = told { [200, { "set-cookie" => %w[a=1 b=2] }, []] }
    assert_equal ["HTTP/1.1 200 \r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n"], two.pieces
    assert_equal two.pieces, three.pieces
  end

  def test_a_streaming_body_of_rack_3
    answer = told { [200, {}, ->(stream) { stream << "one"; stream.write("two"); stream.close }] }
    assert_equal %w[one two], answer.pieces.drop(1)
    assert_equal :whole, answer.outcome
  end

  def test_head_has_no_body_but_closes_it
    body = StringIO.new("text")
    assert_equal 1, told("HEAD") { [200, {}, body] }.pieces.size
    assert_predicate body, :closed?
  end

  def test_early_hints
    answer = told { |env| env["rack.early_hints"].call("link" => "</a.css>") && [200, {}, []] }
    assert_equal "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n", answer.pieces.first
  end

  def test_a_failure_before_the_response_is_a_plain_500
    answer = told { exit(3) }
    assert_match(/\AHTTP\/1\.1 500 /, answer.pieces.first)
    assert_equal :whole, answer.outcome
    assert_match(/ERROR GET \/ \(3f2c\) failed: .*SystemExit/m, @log.string)
  end

  def test_a_line_break_in_a_field_is_a_failure
    assert_match(/\AHTTP\/1\.1 500 /, told { [200, { "x" => ["a\r\nb: c"] }, []] }.pieces.first)
  end

  def test_a_failure_within_the_response_cuts_it
    assert_equal :cut, told { [200, {}, Enumerator.new { |body| body << "part" and raise "late" }] }.outcome
  end

  def test_rack_3_is_told_that_the_response_is_finished
    seen = []
    told do |env|
      env["rack.response_finished"] << ->(_env, status, headers, error) { seen << [status, headers, error] }
      [204, { "x" => "1" }, []]
    end
    assert_equal [[204, { "x" => "1" }, nil]], seen
  end
end
