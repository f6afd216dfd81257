<?php

declare(strict_types=1);

namespace Prack;

/** Settings are wrong; a line for each mistake. */
final class UsageError extends \InvalidArgumentException
{
}
