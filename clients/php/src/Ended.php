<?php

declare(strict_types=1);

namespace Prack;

/** Nobody waits for this answer any more, or it was refused. */
final class Ended extends \RuntimeException
{
}
