<?php

declare(strict_types=1);

namespace Prack\Tests;

use PHPUnit\Framework\TestCase;
use Prack\Legacy\Records;

final class RecordsTest extends TestCase
{
    private const OUT = "\x01\x06\x00\x01\x00\x03\x01\x00abc\x00";
    private const ERR = "\x01\x07\x00\x01\x00\x02\x00\x00no";
    private const END = "\x01\x03\x00\x01\x00\x08\x00\x00\0\0\0\0\0\0\0\0";

    public function testRecordsByteByByte(): void
    {
        $records = new Records();
        $found = [];
        foreach (str_split(self::OUT . self::ERR . self::END) as $byte) {
            self::assertFalse($records->isEnded());
            array_push($found, ...$records->feed($byte));
        }
        self::assertSame([[6, 'abc'], [7, 'no']], $found);
        self::assertTrue($records->isEnded());
    }

    public function testParametersHaveShortAndLongSizes(): void
    {
        $long = str_repeat('v', 200);
        $pairs = "\x01\x02Nok" . "\x01\x80\x00\x00\xc8L" . $long;
        $expected = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\0\0\0\0\0"
            . "\x01\x04\x00\x01" . pack('n', strlen($pairs)) . "\x00\x00$pairs" . "\x01\x04\x00\x01\x00\x00\x00\x00";
        self::assertSame(bin2hex($expected), bin2hex(Records::beginning(['N' => 'ok', 'L' => $long])));
    }

    public function testALongBodyTakesSeveralRecords(): void
    {
        $data = Records::input(str_repeat('x', 70_000));
        self::assertSame(70_000 + 2 * 8, strlen($data));
        self::assertSame("\x01\x05\x00\x01\x00\x00\x00\x00", Records::input(''));
    }
}
