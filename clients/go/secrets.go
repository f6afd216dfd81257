package prack

import (
	"fmt"
	"log/slog"
	"os"
)

// ofOthers is what others may do with a file. Not the group's reading: systemd's credentials show
// their access list there.
const ofOthers = 0o026

// warn says which files with secrets are open to other users.
func (s *settings) warn(log *slog.Logger) {
	for _, secret := range []struct{ kind, path string }{{"token file", s.tokenFile}, {"key", s.files.key}} {
		if about, err := os.Stat(secret.path); err == nil && about.Mode().Perm()&ofOthers != 0 {
			log.Warn(fmt.Sprintf("Others can read or change the %s %s: run `chmod 600` on it", secret.kind, secret.path))
		}
	}
}
