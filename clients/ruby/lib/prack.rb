# frozen_string_literal: true

require_relative "prack/errors"
require_relative "prack/version"
require_relative "prack/worker"
