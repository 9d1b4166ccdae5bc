# Goes on reading after the last question, for ever.
import sys

n, q = map(int, input().split())
h = list(map(int, input().split()))
while q >= 0:
    words = sys.stdin.readline().split()
    if words:
        l, r = map(int, words)
        print(max(h[l - 1:r]))
        q -= 1
