for _ in range(int(input())):
    name, p = input().split()
    if p < 20:
        print(name)
