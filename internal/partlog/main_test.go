package partlog

import (
	"os"
	"testing"

	"ridesink/internal/localenv"
)

// main_test.go: servers that the tests share are stopped at the end, and no goroutine is left.

func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }
