<?php

declare(strict_types=1);

namespace Prack;

/** The gateway will never take this worker. */
final class Refused extends \RuntimeException
{
}
