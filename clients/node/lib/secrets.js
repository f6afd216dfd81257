// Files with secrets in them.

import { statSync } from "node:fs";

// What others may do with a file. Not the group's reading: systemd's credentials show their access list there.
const OF_OTHERS = 0o026;

/** Say in the log which of these files are open to other users. */
export function warnOfOpenSecrets({ tokenFile, tlsKey }, log) {
  for (const [kind, path] of Object.entries({ "token file": tokenFile, key: tlsKey })) {
    const about = path && statSync(path, { throwIfNoEntry: false });
    if (about && about.mode & OF_OTHERS) {
      log.warning(`Others can read or change the ${kind} ${path}: run \`chmod 600\` on it`);
    }
  }
}
