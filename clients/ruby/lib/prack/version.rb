# frozen_string_literal: true

module Prack
  VERSION = "0.1.0"
end
