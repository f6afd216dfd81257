// The fields of a request, in order, but for those that proxies add and remove.
"use strict";
const HOP = /^(via|forwarded|x-forwarded-.*|x-request-(id|start)|connection|te|expect)$/i;

exports.seen = (raw) => {
  const lines = [];
  for (let at = 0; at < raw.length; at += 2) {
    if (!HOP.test(raw[at])) lines.push(`${raw[at].toLowerCase()}: ${raw[at + 1]}`);
  }
  return lines.join("\n");
};
