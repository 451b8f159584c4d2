package reporttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBrowserFindsFaults: of a page with every fault each is named.
func TestBrowserFindsFaults(t *testing.T) {
	open := Browser(t)
	path := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(path, []byte(`<!DOCTYPE html><title>x</title>
<img alt="gone" src="gone.png"><img alt="broken" src="data:image/png;base64,AAAA">
<div style="width:1400px">wide</div>
<script>console.error("said"); throw new Error("thrown")</script>`), 0o600))
	faults := strings.Join(open(path), "\n")
	for _, fault := range []string{
		"loads file://", "gone.png", "net::ERR_FILE_NOT_FOUND", "said", "thrown", "image without pixels: broken", "image without pixels: gone",
		"360 pixels: the page is 14", "1280 pixels: the page is 14", "printed: the page is 14",
	} {
		require.Contains(t, faults, fault)
	}
}
