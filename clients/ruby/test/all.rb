# frozen_string_literal: true

# All tests of this library, with warnings about its own files as errors: ruby -w -Ilib test/all.rb

library = File.expand_path("..", __dir__)
Warning.extend(Module.new do
  define_method(:warn) { |message, **more| message.start_with?(library) ? raise(message) : super(message, **more) }
end)

Dir[File.join(__dir__, "test_*.rb")].each { |file| require file }
