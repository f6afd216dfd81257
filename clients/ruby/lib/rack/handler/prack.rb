# frozen_string_literal: true

require "rack/handler"
require_relative "../../prack/handler"

# Rack 2 looks for the handler here.
Rack::Handler.register("prack", "Prack::Handler")
