<?php

declare(strict_types=1);

namespace Prack;

use Prack\Api\Answer;
use Prack\Api\Request;
use Prack\Api\Upload;

/** What answers the requests of one process. */
interface Application
{
    /**
     * Answer one request, up to `finish`.
     *
     * @throws Ended
     * @throws Unreachable
     */
    public function serve(Request $request, Upload $upload, Answer $answer): void;

    /** As the log has it. */
    public function __toString(): string;
}
