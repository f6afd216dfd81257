<?php

declare(strict_types=1);

namespace Prack\Legacy;

/** Records of FastCGI 1.0, of one request to a connection. */
final class Records
{
    public const STDOUT = 6;
    private const BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDERR = 7;
    private const RESPONDER = 1;
    private const MOST = 65535;

    private string $buffer = '';
    private bool $ended = false;

    /**
     * What a request begins with: all but its body.
     *
     * @param array<string, string> $parameters
     */
    public static function beginning(array $parameters): string
    {
        $pairs = '';
        foreach ($parameters as $name => $value) {
            $pairs .= self::size($name) . self::size($value) . $name . $value;
        }
        $begin = self::record(self::BEGIN, pack('nCx5', self::RESPONDER, 0));
        return $begin . self::stream(self::PARAMS, $pairs) . self::record(self::PARAMS, '');
    }

    /** A piece of the body; an empty one ends it. */
    public static function input(string $data): string
    {
        return $data === '' ? self::record(self::STDIN, '') : self::stream(self::STDIN, $data);
    }

    /** The request was answered. */
    public function isEnded(): bool
    {
        return $this->ended;
    }

    /**
     * What is complete: STDOUT and what the script has logged.
     *
     * @return list<array{int, string}>
     */
    public function feed(string $data): array
    {
        $this->buffer .= $data;
        $found = [];
        while (strlen($this->buffer) >= 8) {
            ['type' => $type, 'size' => $size, 'pad' => $pad] = unpack('Cversion/Ctype/nid/nsize/Cpad', $this->buffer);
            if (strlen($this->buffer) < 8 + $size + $pad) {
                break;
            }
            $text = substr($this->buffer, 8, $size);
            $this->buffer = substr($this->buffer, 8 + $size + $pad);
            $this->ended = $this->ended || $type === self::END;
            if ($text !== '' && ($type === self::STDOUT || $type === self::STDERR)) {
                $found[] = [$type, $text];
            }
        }
        return $found;
    }

    private static function stream(int $type, string $data): string
    {
        return implode('', array_map(static fn ($part) => self::record($type, $part), str_split($data, self::MOST)));
    }

    private static function record(int $type, string $data): string
    {
        return pack('CCnnCx', 1, $type, 1, strlen($data), 0) . $data;
    }

    private static function size(string $text): string
    {
        $size = strlen($text);
        return $size < 128 ? chr($size) : pack('N', $size | 0x80000000);
    }
}
