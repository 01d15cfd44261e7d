import { toProperties } from "./properties-file.js";

test("regression #12: writes names and values in the format of java.util.Properties", () => {
  const text = toProperties({
    "num.partitions": 1,
    "is.on": false,
    "log.dirs": "/home/käthe/a b/#=:!",
    "ssl.location": "C:\\keys",
    password: " two\nlines 𝄞",
    "a:b=c d": "",
  });
  expect(text.split("\n")).toEqual([
    "num.partitions=1",
    "is.on=false",
    "log.dirs=/home/k\\u00e4the/a b/#=:!",
    "ssl.location=C:\\\\keys",
    "password=\\ two\\u000alines \\ud834\\udd1e",
    "a\\:b\\=c\\ d=",
    "",
  ]);
});
