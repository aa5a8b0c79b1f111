package devidp

// ParseLoopbackURL is the matcher of redirect and logout URLs, for the tests and the fuzzer.
var ParseLoopbackURL = parseLoopbackURL
