// Words for the log on why there is no stream.

export const NOBODY = "(is `prack serve` running there?)";
export const WRONG_TOKEN = "the gateway rejects this token: check PRACK_TOKEN or --token-file";

/** Of several addresses that were tried, what the last one said. */
export function reasonOf(error) {
  return (error.errors?.at(-1) ?? error).message;
}
