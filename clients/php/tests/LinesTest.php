<?php

declare(strict_types=1);

namespace Prack\Tests;

use PHPUnit\Framework\TestCase;
use Prack\Lines;

final class LinesTest extends TestCase
{
    public function testATerminalObeysNothing(): void
    {
        self::assertSame("caf\u{e9}\t\\x1b[31m\\xc29b", Lines::visible("caf\u{e9}\t\x1b[31m\xc2\x9b"));
    }
}
