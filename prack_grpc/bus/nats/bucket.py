"""Buckets of JetStream: what operators have said, and requests that are kept."""

import nats.js.errors
from nats.js import JetStreamContext, api
from nats.js.kv import KeyValue

# The first that tells its API level; of nats-server 2.11.
LEVEL = 1
REPLICAS = 3
OFF = "JetStream is off there: start nats-server with -js, or with a jetstream block"
OLD = "JetStream is too old there: expected API level {} (nats-server 2.11) or more, got {}"
# Errors of the API: too few servers for so many replicas, no cluster at all, and that somebody
# else has just made the same bucket, otherwise.
TOO_FEW, ALONE, MADE = 10005, 10074, 10058


class Unusable(Exception):
    """There can be no bucket; the message says what to do."""


async def opened(
    stream: JetStreamContext, name: str, ttl: float | None = None
) -> tuple[KeyValue, int]:
    """The bucket of this name, made if need be, and what it adds to its revisions.

    So a bucket that was lost and made anew goes on with greater ones: it adds the milliseconds
    since 1970 when it was made. It has 3 replicas as soon as there are 3 servers. With a `ttl`
    what is in it is there for so many seconds.

    Raises Unusable, nats.errors.Error, TimeoutError.
    """
    await _check(stream)
    try:
        bucket = await stream.key_value(name)
    except nats.js.errors.BucketNotFoundError:
        bucket = await _made(stream, name, ttl)
    info = await stream.stream_info(f"KV_{name}")
    if (info.config.num_replicas or 1) < REPLICAS:
        await _replicate(stream, info.config)
    return bucket, int(info.created.timestamp() * 1000) if info.created else 0


async def _check(stream: JetStreamContext) -> None:
    try:
        level = (await stream.account_info()).api.level or 0
    except nats.js.errors.ServiceUnavailableError:
        raise Unusable(OFF) from None
    if level < LEVEL:
        raise Unusable(OLD.format(LEVEL, level))


async def _made(stream: JetStreamContext, name: str, ttl: float | None) -> KeyValue:
    config = api.KeyValueConfig(bucket=name, description="What gateways of Prack share", ttl=ttl)
    try:
        return await stream.create_key_value(config, replicas=REPLICAS)
    except nats.js.errors.APIError as error:
        if error.err_code == MADE:
            return await stream.key_value(name)
        if error.err_code not in (TOO_FEW, ALONE):
            raise
    return await stream.create_key_value(config)


async def _replicate(stream: JetStreamContext, config: api.StreamConfig) -> None:
    try:
        await stream.update_stream(config.evolve(num_replicas=REPLICAS))
    except nats.js.errors.APIError as error:
        if error.err_code not in (TOO_FEW, ALONE):
            raise
