# frozen_string_literal: true

require "rackup/handler"
require_relative "../../prack/handler"

# Rackup, which comes beside Rack 3, looks for the handler here.
Rackup::Handler.register(:prack, Prack::Handler)
