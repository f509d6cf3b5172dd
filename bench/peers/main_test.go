package main

import (
	"os"
	"testing"

	"ridesink/internal/localenv"
)

func TestMain(m *testing.M) { os.Exit(localenv.Main(m)) }
