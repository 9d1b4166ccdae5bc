from math import gcd


def main():
    day, period = 0, 1  # the prophecies so far come true on day, day + period, ...
    for _ in range(int(input())):
        length, named = map(int, input().split())
        common = gcd(period, length)
        if (named - day) % common:
            print(-1)
            return
        rest = length // common
        steps = (named - day) // common * pow(period // common, -1, rest) % rest
        day += period * steps
        period *= rest
    print(day)


main()
