// Protocol buffers (the wire format of proto3) for the tables in messages.js. A type has the wire type
// that it is written with, its value where there is none, `read` and `write`; a Message is a type, too.

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

export class DecodeError extends Error {}

export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  /** A number, or a BigInt where a number would lose digits. Throws DecodeError. */
  varint() {
    const { bytes, at } = this;
    let value = 0;
    for (let i = 0, unit = 1; i < 7; i++, unit *= 128) {
      const byte = this.#byte(at + i);
      value += (byte & 127) * unit;
      if (byte < 128) {
        this.at = at + i + 1;
        return value;
      }
    }
    let big = BigInt(value);
    for (let i = 7; i < 10; i++) {
      const byte = this.#byte(at + i);
      big |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) {
        this.at = at + i + 1;
        big = BigInt.asUintN(64, big);
        return big <= Number.MAX_SAFE_INTEGER ? Number(big) : big;
      }
    }
    throw new DecodeError("a number has more than 10 bytes");
  }

  #byte(at) {
    if (at >= this.end) throw new DecodeError("a field ends after its message");
    return this.bytes[at];
  }

  /** Where the field ends that begins here with its length. Throws DecodeError. */
  length() {
    const size = this.varint();
    if (size > this.end - this.at) throw new DecodeError("a field is longer than its message");
    return this.at + Number(size);
  }

  skip(wire) {
    if (wire === VARINT) this.varint();
    else if (wire === LENGTH) this.at = this.length();
    else if (wire === FIXED64) this.at += 8;
    else if (wire === FIXED32) this.at += 4;
    else throw new DecodeError(`there is no wire type ${wire}`);
    if (this.at > this.end) throw new DecodeError("a field ends after its message");
  }
}

export class Writer {
  constructor(size = 1024) {
    this.bytes = Buffer.allocUnsafe(size);
    this.at = 0;
  }

  /** Where `size` more bytes go. */
  reserve(size) {
    const { at } = this;
    this.at += size;
    if (this.at > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.at, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    return at;
  }

  varint(value) {
    let rest = value;
    if (typeof rest === "bigint") {
      for (; rest > 127n; rest >>= 7n) this.#byte(Number(rest & 127n) | 128);
    } else {
      for (; rest > 127; rest = Math.floor(rest / 128)) this.#byte((rest % 128) | 128);
    }
    this.#byte(Number(rest));
  }

  #byte(value) {
    const at = this.reserve(1); // which may replace the buffer
    this.bytes[at] = value;
  }

  text(value, encoding) {
    const size = Buffer.byteLength(value, encoding);
    this.varint(size);
    const at = this.reserve(size);
    this.bytes.write(value, at, encoding);
  }

  raw(value) {
    this.varint(value.length);
    const at = this.reserve(value.length);
    this.bytes.set(value, at);
  }

  /** What `fill` writes, with its length before it. */
  nested(fill) {
    const start = this.reserve(1) + 1;
    fill();
    const size = this.at - start;
    if (size > 127) {
      const end = this.at;
      let more = 0;
      for (let rest = size; rest > 127; rest = Math.floor(rest / 128)) more++;
      this.reserve(more);
      this.bytes.copyWithin(start + more, start, end);
    }
    const end = this.at;
    this.at = start - 1;
    this.varint(size);
    this.at = end;
  }

  written() {
    return this.bytes.subarray(0, this.at);
  }
}

export const UINT = {
  wire: VARINT,
  none: 0,
  read: (reader) => reader.varint(),
  write: (writer, value) => writer.varint(value),
};

export const INT64 = {
  wire: VARINT,
  none: 0,
  read: (reader) => Number(BigInt.asIntN(64, BigInt(reader.varint()))),
  write: (writer, value) => writer.varint(value < 0 ? BigInt.asUintN(64, BigInt(value)) : value),
};

export const BOOL = {
  wire: VARINT,
  none: false,
  read: (reader) => reader.varint() !== 0,
  write: (writer, value) => writer.varint(value ? 1 : 0),
};

const text = (encoding) => ({
  wire: LENGTH,
  none: "",
  read: (reader) => {
    const end = reader.length();
    const value = reader.bytes.toString(encoding, reader.at, end);
    reader.at = end;
    return value;
  },
  write: (writer, value) => writer.text(value, encoding),
});

export const TEXT = text("utf8");

/** Bytes that are characters in Node: each of them is one. */
export const LATIN1 = text("latin1");

export const BYTES = {
  wire: LENGTH,
  none: Buffer.alloc(0),
  read: (reader) => {
    const end = reader.length();
    const value = reader.bytes.subarray(reader.at, end);
    reader.at = end;
    return value;
  },
  write: (writer, value) => writer.raw(value),
};

export const many = (type) => ({ type, repeated: true });

/** A message. Its values are objects that have all fields: none is 0, "", false, null or []. */
export class Message {
  wire = LENGTH;
  none = null;
  #byNumber = [];
  #fields = [];

  constructor(fields) {
    for (const [name, [number, shape]] of Object.entries(fields)) {
      const { type = shape, repeated = false } = shape;
      const field = { name, type, repeated, tag: (number << 3) | type.wire };
      this.#byNumber[number] = field;
      this.#fields.push(field);
    }
  }

  /** Throws DecodeError. */
  decode(bytes) {
    return this.#fill(new Reader(bytes), this.#empty());
  }

  encode(value, writer = new Writer()) {
    for (const { name, type, repeated, tag } of this.#fields) {
      const held = value[name];
      if (repeated) {
        for (const one of held ?? []) {
          writer.varint(tag);
          type.write(writer, one);
        }
      } else if (held !== undefined && held !== type.none && held.length !== 0) {
        writer.varint(tag);
        type.write(writer, held);
      }
    }
    return writer;
  }

  read(reader, before) {
    const outer = reader.end;
    reader.end = reader.length();
    const value = this.#fill(reader, before ?? this.#empty());
    reader.end = outer;
    return value;
  }

  write(writer, value) {
    writer.nested(() => this.encode(value, writer));
  }

  #empty() {
    const value = {};
    for (const { name, type, repeated } of this.#fields) value[name] = repeated ? [] : type.none;
    return value;
  }

  #fill(reader, value) {
    while (reader.at < reader.end) {
      const tag = reader.varint();
      if (tag < 8) throw new DecodeError("there is no field 0");
      const field = tag < 2 ** 31 ? this.#byNumber[tag >> 3] : undefined;
      if (field?.tag !== tag) reader.skip(Number(BigInt(tag) & 7n));
      else if (field.repeated) value[field.name].push(field.type.read(reader));
      else value[field.name] = field.type.read(reader, value[field.name]);
    }
    return value;
  }
}
