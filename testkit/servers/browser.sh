# The browser that the chat page is tested in. Sourced by `dev`.

# Makes sure that there are Chromium and the driver for it; the tests start and stop them by themselves.
browser_find() {
  if ! command -v chromedriver >/dev/null; then
    install_package chromium-driver ||
      fail "the tests need Chromium and chromedriver: install them (Debian: apt-get install chromium chromium-driver;" \
        "macOS: brew install --cask chromium chromedriver)"
  fi
  # The driver also finds a Chrome that has no command; where there is nothing at all, the tests say so.
  command -v chromium >/dev/null || install_package chromium || true
}
