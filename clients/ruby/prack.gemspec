# frozen_string_literal: true

require_relative "lib/prack/version"

Gem::Specification.new do |spec|
  spec.name = "prack"
  spec.version = Prack::VERSION
  spec.summary = "Runs a Rack application behind a Prack gateway, to which it connects"
  spec.authors = ["The Prack authors"]
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.0"
  spec.files = Dir["lib/**/*.rb", "LICENSE", "README.md"]
  spec.add_dependency "rack", ">= 2.2", "< 4"
end
