/** Script that deletes a key only if it still has the caller's value. KEYS: the key. ARGV: the value. */
export const DELETE_IF_UNCHANGED =
  'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0';
